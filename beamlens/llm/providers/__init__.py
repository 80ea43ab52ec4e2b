"""The models behind the protocol, one class a file; built by `beamlens.llm.registry`, used inside the gateway process.

Importing these modules imports no SDK: that happens when a provider is constructed.
"""
