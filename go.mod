module github.com/gotelco/telco

go 1.25.0
