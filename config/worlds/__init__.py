"""Whole worlds that are lived in virtual time: months in minutes, on the real code."""
