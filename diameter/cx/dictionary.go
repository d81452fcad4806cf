package cx

import (
	_ "embed" // for the dictionary
	"sync"

	"github.com/gotelco/telco/diameter"
)

//go:embed cx.dia
var text string

var dictionary = sync.OnceValue(func() *diameter.Dictionary {
	d, err := diameter.ParseDictionary("cx.dia", text, diameter.BaseDictionary())
	if err != nil {
		panic(err) // the file is part of the program
	}
	return d
})

// Dictionary returns the names of the application's commands, AVPs and values, with those of the base protocol.
func Dictionary() *diameter.Dictionary { return dictionary() }
