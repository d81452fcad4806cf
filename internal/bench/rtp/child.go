//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// spin eats a processor: the noisy neighbour.
func spin() {
	for n := 0; ; n++ {
		if n < 0 {
			fmt.Print()
		}
	}
}

// tick is a process that does nothing but wait for a ticker of 20 ms. For each pair of lines it reads it prints how far from 20 ms
// the times between two ticks were meanwhile: the 99.9th percentile and the most, in ms.
func tick() {
	lines := make(chan bool)
	go func() {
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			lines <- true
		}
		close(lines)
	}()
	t := time.NewTicker(frame)
	var h histogram
	counting := false
	for last := time.Now(); ; {
		select {
		case at := <-t.C:
			at = time.Now()
			if d := int64(at.Sub(last) - frame); counting {
				h.add(max(d, -d))
			}
			last = at
		case _, ok := <-lines:
			if !ok {
				return
			}
			if counting = !counting; counting {
				h = histogram{}
			} else {
				fmt.Println(h.at(0.999), h.at(1))
			}
		}
	}
}

// ticker is such a process.
type ticker struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startTicker() (*ticker, error) {
	t := &ticker{cmd: exec.Command("/proc/self/exe", "-tick")}
	var err error
	if t.in, err = t.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := t.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	t.out = bufio.NewReader(out)
	return t, t.cmd.Start()
}

func (t *ticker) begin() { fmt.Fprintln(t.in) }

func (t *ticker) end() (p999, most float64) {
	fmt.Fprintln(t.in)
	fmt.Fscanln(t.out, &p999, &most)
	return p999, most
}

func (t *ticker) stop() {
	t.in.Close()
	t.cmd.Wait()
}
