module posthorn/bench

go 1.19
