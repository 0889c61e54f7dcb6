"""An independent reading of the EMV 3DS facts: validates messages and recorded traffic."""
