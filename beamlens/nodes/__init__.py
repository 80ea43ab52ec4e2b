"""Several processes of one application as one system: one of them is elected to run the tree, the others join it.

lease       the lock that makes one of them the elected        seat       what a member knows of its group
link        one connection between two members                 member     the part of a tree that elects or joins
wires       the thread that reads connections                  probe      looks into all nodes
hub         the elected one's end                              questions  what the others may ask the elected one
messages    what travels                                       children   what a tree has where it is a member
events      what is told
"""
