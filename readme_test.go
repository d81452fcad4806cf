package telco_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadme builds the Go programs that stand in README.md, as programs of examples/.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	var args []string
	for i, m := range regexp.MustCompile("(?ms)^```go\n(.*?)^```").FindAllSubmatch(text, -1) {
		file := filepath.Join(dir, fmt.Sprintf("snippet%d.go", i))
		if err := os.WriteFile(file, m[1], 0o644); err != nil {
			t.Fatal(err)
		}
		overlay.Replace[filepath.Join(here, "examples", fmt.Sprintf("readme%d", i), "main.go")] = file
		args = append(args, fmt.Sprintf("./examples/readme%d", i))
	}
	if len(args) == 0 {
		t.Fatal("README.md has no Go in it")
	}
	b, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, b, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", append([]string{"build", "-overlay", list, "-o", os.DevNull}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("a program of README.md does not build: %v\n%s", err, out)
	}
	if first, _, _ := strings.Cut(string(text), "\n# "); !strings.Contains(first, "go run ./examples/volte") || !strings.Contains(first, "./test") {
		t.Error("README.md does not begin with its two commands")
	}
}
