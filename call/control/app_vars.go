package control

import (
	"context"
	"slices"
	"strings"
)

func assignment(args string) (name, value string, err error) {
	name, value, ok := strings.Cut(args, "=")
	if !ok {
		return strings.TrimSpace(args), "", nil // removes it
	}
	if name = strings.TrimSpace(name); name == "" {
		return "", "", parseError("variable", args, errVariable)
	}
	return name, unquote(value, 0), nil
}

func appSet(_ context.Context, c *Channel, args string) error {
	name, value, err := assignment(args)
	if err != nil {
		return err
	}
	return c.SetVar(name, value)
}

func appUnset(_ context.Context, c *Channel, args string) error {
	return c.SetVar(strings.TrimSpace(args), "")
}

// appExport sets a variable that called legs get too; with nolocal: in front of the name, only they.
func appExport(_ context.Context, c *Channel, args string) error {
	name, value, err := assignment(args)
	if err != nil {
		return err
	}
	if after, ok := strings.CutPrefix(name, "_nolocal_"); ok { // as it is written in XML
		name = nolocal + after
	}
	if err := c.SetVar(name, value); err != nil {
		return err
	}
	list := splitList(c.Var("export_vars"))
	if slices.Contains(list, name) {
		return nil
	}
	return c.SetVar("export_vars", strings.Join(append(list, name), ","))
}

// appMultiset sets several variables: "a=b c=d", or with another separator "^^:a=b c:d=e".
func appMultiset(_ context.Context, c *Channel, args string) error {
	for _, text := range splitMulti(args) {
		name, value, err := assignment(text)
		if err != nil {
			return err
		}
		if err := c.SetVar(name, value); err != nil {
			return err
		}
	}
	return nil
}

func appMultiunset(_ context.Context, c *Channel, args string) error {
	for _, name := range splitMulti(args) {
		c.SetVar(strings.TrimSpace(name), "")
	}
	return nil
}

func splitMulti(args string) []string {
	sep := byte(' ')
	if len(args) > 2 && strings.HasPrefix(args, "^^") {
		sep, args = args[2], args[3:]
	}
	return slices.DeleteFunc(splitQuoted(args, sep), func(s string) bool { return strings.TrimSpace(s) == "" })
}

func appSetGlobal(_ context.Context, c *Channel, args string) error {
	name, value, err := assignment(args)
	if err != nil {
		return err
	}
	return c.sw.SetGlobal(name, value)
}
