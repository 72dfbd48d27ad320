"""Names in the sample's articles: coins as journalists write them, made-up firms and authors."""

from __future__ import annotations

#: How journalists name each coin, the plain name first.
NAMES = {
    "BTC": ("Bitcoin", "Bitcoin (BTC)", "bitcoin", "BTC", "$BTC"),
    "ETH": ("Ethereum", "Ether", "ether", "Ethereum (ETH)", "ETH", "$ETH"),
    "SOL": ("Solana", "Solana (SOL)", "SOL", "$SOL", "Solana's SOL"),
    "XRP": ("XRP", "the XRP Ledger", "Ripple's XRP", "$XRP"),
    "ADA": ("Cardano", "Cardano (ADA)", "Cardano's ADA", "$ADA"),
    "DOGE": ("Dogecoin", "DOGE", "Dogecoin (DOGE)", "$DOGE"),
    "LINK": ("Chainlink", "Chainlink (LINK)", "Chainlink's LINK", "$LINK"),
    "DOT": ("Polkadot", "Polkadot (DOT)", "Polkadot's DOT", "$DOT"),
    "LTC": ("Litecoin", "Litecoin (LTC)", "LTC", "$LTC"),
    "AVAX": ("Avalanche", "Avalanche (AVAX)", "AVAX", "$AVAX"),
}

FIRMS = (
    *("Northbank Research", "Halden Capital", "Blue Mesa Digital", "Orchard Street Partners"),
    *("Kestrel Analytics", "Tidewater Trust", "Marlow & Finch", "Quarry Labs", "Sable Ridge"),
    *("Pinecrest Holdings", "Vantry Systems", "Larkfield Motors", "Aster Semiconductor"),
)
AUTHORS = (
    *("Mira Holt", "Jonas Pell", "Adaeze Brun", "Tomas Wick", "Lena Ostrow", "Hugo Salter"),
    *("Priya Nand", "Sam Corrigan", "Yuki Arden", "Rosa Feld"),
)
