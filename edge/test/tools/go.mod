module rushgate/tools

go 1.24
