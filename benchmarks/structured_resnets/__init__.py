"""Networks built from fields and steps, and what each pairing keeps."""
