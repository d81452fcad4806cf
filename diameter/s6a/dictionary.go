package s6a

import (
	_ "embed" // for the dictionary
	"sync"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
	"github.com/gotelco/telco/diameter/sh"
)

//go:embed s6a.dia
var text string

var dictionary = sync.OnceValue(func() *diameter.Dictionary {
	d, err := diameter.ParseDictionary("s6a.dia", text, cx.Dictionary(), sh.Dictionary())
	if err != nil {
		panic(err) // the file is part of the program
	}
	return d
})

// Dictionary returns the names of the application's commands, AVPs and values, with those of the base protocol.
func Dictionary() *diameter.Dictionary { return dictionary() }
