// Command diagen turns a dictionary of Diameter commands and AVPs into Go: a struct with Parse and AppendBinary for every
// command, a struct for every grouped AVP, types for enumerations and flags. It is run by go generate:
//
//	//go:generate go run github.com/gotelco/telco/diameter/diagen -import diameter=../base.dia cx.dia
//
// The text is close to the grammar of RFC 6733 section 3.2; base.dia of package diameter is an example of all of it.
// The name in the dictionary's first line is that of the Go package. An imported dictionary is given with -import
// NAME=FILE or NAME=FILE=GO-IMPORT-PATH; without a path it is a package of this module.
//
// A comment right above a command begins with its full name and a comma: "Capabilities-Exchange-Request, RFC 6733 section 5.3.1".
//
// The package that gets the file may be of any module. It needs github.com/gotelco/telco/diameter only.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/gotelco/telco/diameter/internal/dia"
)

const module = "github.com/gotelco/telco/diameter"

func main() {
	log.SetFlags(0)
	out := flag.String("o", "dia_gen.go", "Go file to write")
	imports := map[string]imported{}
	flag.Func("import", "NAME=FILE[=PATH] of a dictionary that is imported; may be repeated", func(s string) error {
		f := strings.Split(s, "=")
		if len(f) < 2 || len(f) > 3 {
			return errors.New("want NAME=FILE or NAME=FILE=PATH")
		}
		i := imported{file: f[1], path: module}
		if len(f) == 3 {
			i.path = f[2]
		} else if f[0] != "diameter" {
			i.path += "/" + f[0]
		}
		imports[f[0]] = i
		return nil
	})
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: diagen [-o FILE] [-import NAME=FILE[=PATH]]... DICTIONARY")
	}
	src, err := generate(flag.Arg(0), imports)
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(*out, src, 0o666); err != nil {
		log.Fatal(err)
	}
}

// imported is a dictionary that another package's code came from.
type imported struct{ file, path string }

func read(file string) (*dia.File, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return dia.Parse(file, string(text))
}

func generate(file string, imports map[string]imported) ([]byte, error) {
	f, err := read(file)
	if err != nil {
		return nil, err
	}
	set, err := dia.Link(f, func(name string) (*dia.File, error) {
		i, ok := imports[name]
		if !ok {
			return nil, fmt.Errorf("no -import %s=FILE", name)
		}
		return read(i.file)
	})
	if err != nil {
		return nil, err
	}
	g := generator{set: set, file: f, imports: imports, used: map[string]bool{}}
	return g.generate()
}
