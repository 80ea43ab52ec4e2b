"""Tests of the providers, with the real SDK and HTTP client against local servers."""
