"""The models behind the protocol, one class a file; used only inside the gateway process, built by `beamlens.llm.registry`.

Importing these modules imports no SDK: that happens when a provider is constructed.
"""
