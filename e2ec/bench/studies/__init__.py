"""Measurements that are made once."""
