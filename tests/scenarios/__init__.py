"""WeChat's behaviour to its clients, situation by situation: a gateway and a sandbox, over HTTP.

The situations are numbered. How often WeChat was asked is read from the sandbox's statistics, what arrived from its
inbox; where time has to pass, clocks are moved. LEFT_OUT says which situations are tested elsewhere, and why.
"""

LEFT_OUT = {
    4: "many processes need a shared store: with the tests of the store",
    19: "a shared store that is away: with the tests of the store",
    58: "a secret changed at run time: with the tests of reload",
}
