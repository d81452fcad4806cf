package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestTablesAreCurrent fails when a committed file is not what the generator makes now.
func TestTablesAreCurrent(t *testing.T) {
	for _, pkg := range []string{"nb", "wb"} {
		want, err := os.ReadFile("../" + pkg + "/tables_gen.go")
		if os.IsNotExist(err) {
			t.Logf("%s has no tables", pkg)
			continue
		}
		data, err := os.ReadFile("tables-" + pkg + ".json")
		if err != nil {
			t.Fatal(err)
		}
		got, err := generate(data, pkg, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s/tables_gen.go differs: run go generate ./amr/...", pkg)
		}
	}
}

func TestGoName(t *testing.T) {
	for in, want := range map[string]string{
		"window_200_40": "window200x40", "gamma3_MR122": "gamma3MR122", "mr515_3_lsf": "mr515x3Lsf",
		"startPos1": "startPos1", "HP_gain": "hpGain", "lag_h": "lagH",
	} {
		if got := goName(in); got != want {
			t.Errorf("goName(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestShapeIsChecked(t *testing.T) {
	for _, bad := range []string{
		`{"tables": {"a": {"shape": [3], "values": [1, 2]}}}`,
		`{"tables": {"a": {"shape": [2, 2], "values": [[1, 2]]}}}`,
		`{"tables": {"a": {"shape": [1, 3], "values": [[1, 2]]}}}`,
		`{"tables": {"a": {"shape": [1, 1, 1], "values": [[[1]]]}}}`,
		`{"tables": {"a": {"shape": [1], "values": [1.5]}}}`,
	} {
		if src, err := generate([]byte(bad), "p", nil); err == nil {
			t.Errorf("%s: no error, %s", bad, src)
		}
	}
	src, err := generate([]byte(`{"tables": {"a_b": {"description": "d", "shape": [2, 1], "values": [[1], [-40000]]}}}`), "p", nil)
	if err != nil || !strings.Contains(string(src), "var aB = [2][1]int32{\n\t{1},\n\t{-40000},\n}") {
		t.Errorf("generate = %s, %v", src, err)
	}
}
