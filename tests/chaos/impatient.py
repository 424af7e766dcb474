"""Loaded by a worker: it waits a tenth as long before it takes itself for stuck."""

from config.celery import PROGRESS

PROGRESS.every, PROGRESS.patience = 0.5, 3.0
