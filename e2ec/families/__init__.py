"""Kinds of models: what makes each different, behind one interface."""
