"""Schedules: an action that runs by itself, every so many minutes or by a cron expression.

django-celery-beat keeps the clock: each schedule has a row of its own there, which beat reads from the database, so that a
change counts within seconds and without a restart. When it fires, a task asks here whether the owner may still run it.
"""
