// The test signals and their reference streams, kept out of the module that users download.
module github.com/gotelco/telco/amr/testdata/public

go 1.25.0
