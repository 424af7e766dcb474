"""Tools that write into a CRM, whichever one the tenant has."""
