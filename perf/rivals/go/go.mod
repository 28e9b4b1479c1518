module weft/rivals/go

go 1.19
