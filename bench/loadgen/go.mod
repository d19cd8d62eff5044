module rushgate/bench/loadgen

go 1.21
