"""The node over HTTP: EPCIS capture, Digital Link resolver, proofs, labels and pages. Nothing imports api."""
