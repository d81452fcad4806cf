package main
func (p *program) demo() error { return nil }
