"""Sentences of the sample's articles: (title, summary) pairs by what they tell.

``{a}`` and ``{b}`` are coins as a journalist would name them, ``{t}`` and ``{u}`` their tickers,
``{p}`` is a price, ``{m}`` a move in percent, ``{n}`` a number, ``{who}`` a made-up firm.
"""

from __future__ import annotations

Pair = tuple[str, str]

UP: tuple[Pair, ...] = (
    (
        "{a} climbs {m}% to {p} as buyers return",
        "Spot demand lifted {t} to its best hour of the day, on volume well above average.",
    ),
    (
        "{a} price jumps past {p}, leaving short sellers exposed",
        "Liquidations of bearish bets passed ${n} million while {t} traders cheered the move.",
    ),
    (
        "Why is {a} up today? Three things to know",
        "A {m}% gain, strong inflows and upbeat funding rates put {t} among the day's winners.",
    ),
    (
        "{a} extends rally, analysts eye a fresh high",
        "Momentum looks strong: {t} added {m}% in a day and held support near {p}.",
    ),
    (
        "Whales add to {a} holdings as price reaches {p}",
        "Large wallets bought the breakout, and on-chain data shows confidence in {t} is growing.",
    ),
    (
        "{a} outperforms the market with a {m}% surge",
        "The token shook off last week's weakness. {who} calls the recovery 'impressive'.",
    ),
    (
        "Bulls take charge: {a} reclaims {p}",
        "{t} closed above a key average after days below it, a sign of strength for optimists.",
    ),
)

DOWN: tuple[Pair, ...] = (
    (
        "{a} slides {m}% to {p} as sellers take over",
        "A wave of liquidations hit {t} after a weak open, and traders fear further losses.",
    ),
    (
        "{a} drops below {p}; bears see more pain ahead",
        "Support failed twice this session and {t} open interest collapsed by ${n} million.",
    ),
    (
        "Why is {a} down today?",
        "Profit taking, outflows and a stronger dollar weighed on {t}, which lost {m}% in a day.",
    ),
    (
        "{a} tumbles with wider crypto sell-off",
        "The {m}% fall is among the worst for {t} this month, said analysts at {who}.",
    ),
    (
        "Traders dump {a} amid fears of forced selling",
        "Exchange inflows jumped as {t} slipped to {p}, raising concern over thin order books.",
    ),
    (
        "{a} struggles to hold {p} after failed breakout",
        "A rejection at resistance left {t} vulnerable, and funding rates turned negative.",
    ),
    (
        "Panic or pause? {a} gives up {m}% in a day",
        "Late buyers of {t} are under water. {who} warns that the decline may not be over.",
    ),
)

PLAIN: tuple[Pair, ...] = (
    (
        "{a} developers set date for next network upgrade",
        "The release, tested for {n} days, changes how fees are counted; operators must update.",
    ),
    (
        "{a} trades flat near {p} as volatility dries up",
        "Ranges have narrowed to levels last seen weeks ago. Options on {t} price in a calm week.",
    ),
    (
        "{who} adds support for {a}",
        "Customers will be able to hold and send {t} from next month, the company said.",
    ),
    (
        "Active addresses on {a} rise {m}% in a week",
        "Usage grew fastest among small wallets, according to figures compiled by {who}.",
    ),
    (
        "{a} foundation publishes its quarterly report",
        "Spending fell by {m}% and {n} grants were paid, the document shows.",
    ),
    (
        "Court filing names {a} in custody dispute",
        "Lawyers disagree over who controls ${n} million in {t} held since last year.",
    ),
    (
        "Explainer: how staking and fees work on {a}",
        "From validators to rewards, a short guide for readers who are new to {t}.",
    ),
    (
        "{a} bug bounty pays out ${n},000 for a critical flaw",
        "The issue was fixed before anybody could exploit it; no {t} was lost.",
    ),
)

SEVERAL: tuple[Pair, ...] = (
    (
        "{a} and {b} lead altcoin gains as dominance slips",
        "{t} rose {m}% while {u} set a weekly high; smaller tokens followed.",
    ),
    (
        "Price analysis: {a}, {b} and what comes next",
        "Charts show {t} near {p} with support intact, but {u} must reclaim its average soon.",
    ),
    (
        "{b} flips {a} in daily fees",
        "Users paid more to settle on the {u} network for the {n}th day this year.",
    ),
    (
        "{who} files for a fund that holds {a} and {b}",
        "The product would weight {t} and {u} by market value if regulators agree.",
    ),
    (
        "{a} falls with {b} as leverage unwinds",
        "Both {t} and {u} lost about {m}% in hours; liquidations reached ${n} million.",
    ),
    (
        "Investors rotate from {a} to {b}",
        "Fund flows turned against {t} for a second week, said {who}, while {u} drew new money.",
    ),
)

GENERAL: tuple[Pair, ...] = (
    (
        "Lawmakers debate digital asset bill for a second day",
        "The draft would split oversight between two agencies and set rules for custody.",
    ),
    (
        "Stablecoin supply grows for the {n}th week in a row",
        "Fresh issuance is often read as dry powder waiting to be used, analysts at {who} said.",
    ),
    (
        "Crypto exchange {who} hires new head of compliance",
        "The appointment follows a settlement over past failures in record keeping.",
    ),
    (
        "Hackers drain ${n} million from a lending protocol",
        "The team paused contracts after an oracle was manipulated. Users fear heavy losses.",
    ),
    (
        "Venture funding for blockchain start-ups rises {m}%",
        "Early rounds made up most of the deals, and infrastructure was the favourite theme.",
    ),
    (
        "Miners face tighter margins as power prices climb",
        "Older machines are switched off first; {who} expects consolidation this year.",
    ),
    (
        "Tokenised bonds reach ${n} billion, report says",
        "Banks move from pilots to production as settlement in minutes proves attractive.",
    ),
    (
        "Regulator delays decision on crypto fund options",
        "The agency asked for {n} more days to consider comments from the public.",
    ),
    (
        "NFT trading volume sinks to a yearly low",
        "Collectors have lost interest and marketplaces are cutting staff.",
    ),
)

MARKET_UP: tuple[Pair, ...] = (
    (
        "Stocks rally as inflation cools more than expected",
        "The broad index gained {m}% and bond yields fell after the consumer price report.",
    ),
    (
        "Chipmakers lift Wall Street to a record close",
        "Strong guidance from {who} sparked a broad advance in technology shares.",
    ),
    (
        "Dollar slips, gold firms on rate-cut hopes",
        "Traders now price two cuts this year, an encouraging sign for risk assets.",
    ),
    (
        "Earnings beat: {who} raises its full-year outlook",
        "Profit rose {m}% on robust demand and shares jumped in early trading.",
    ),
    (
        "Jobs report points to a soft landing",
        "Hiring slowed just enough to please investors, and volatility eased to a monthly low.",
    ),
)

MARKET_DOWN: tuple[Pair, ...] = (
    (
        "Wall Street falls as hot inflation data dents hopes",
        "The broad index lost {m}% and yields jumped; traders fear rates will stay high.",
    ),
    (
        "{who} shares plunge after profit warning",
        "Weak demand and rising costs hit margins, and the company cut {n}00 jobs.",
    ),
    (
        "Oil slumps {m}% on worries over demand",
        "Inventories grew for a third week, a disappointing sign for producers.",
    ),
    (
        "Volatility index spikes as investors rush for safety",
        "Losses spread from banks to small caps, and downgrades piled up.",
    ),
    (
        "Treasury sell-off deepens after weak auction",
        "Yields on ten-year notes rose to a {n}-week high; analysts warned of stress.",
    ),
)

MARKET_PLAIN: tuple[Pair, ...] = (
    (
        "Fed holds rates steady, repeats it needs more data",
        "The statement changed little. The chair said policy is in a good place.",
    ),
    (
        "What to watch this week: earnings, auctions, prices",
        "{n} companies of the broad index report, and two officials speak.",
    ),
    (
        "Central bank minutes show split over timing of cuts",
        "Officials agreed on direction but not on speed, the record of the meeting shows.",
    ),
    (
        "{who} names new finance chief",
        "The change takes effect next quarter; the company kept its guidance.",
    ),
    (
        "Stocks end mixed in thin trading before holiday",
        "Gains in utilities offset losses in retail. Volume was {m}% below average.",
    ),
)
