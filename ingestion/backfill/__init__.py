"""Histories on request: planned from a ledger, read in chunks, taken up again after a kill.

``sources`` lists who can be read, ``planning`` compares what is wanted with the ledger of what was
read, ``runner`` reads the rest. A chunk enters the ledger only after its rows are stored, so a
kill costs a repetition at most, and a repeated chunk lands nothing that is stored already. The
cursors of the forward steps are neither read nor moved.
"""
