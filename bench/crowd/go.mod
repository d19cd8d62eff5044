module rushgate/bench/crowd

go 1.24
