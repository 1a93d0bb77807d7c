"""Tests of the repository itself: the house, the documents, the packages, the deployment."""
