"""Supervise Pykka actors that live in processes of their own, with the semantics of Erlang/OTP."""
