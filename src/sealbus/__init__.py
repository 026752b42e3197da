"""Sealbus: Modbus, sealed."""
