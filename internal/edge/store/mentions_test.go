package store

import (
	"strings"
	"testing"
)

func TestMentions(t *testing.T) {
	for _, c := range []struct {
		doc, piece string
		want       bool
	}{
		{"", "", true}, {"x", "", true}, {"", "x", false}, {"Checkout is down", "checkout", true}, {"checkout", "CHECKOUT", true},
		{"ccheckout", "checkout", true}, {"checkou", "checkout", false}, {"10.1.7.7:9100", "7.7:9", true}, {"größer als A-7", "a-7", true}, {"%", "x", false},
	} {
		if got := mentions(c.doc, c.piece); got != c.want {
			t.Errorf("%q mentions %q: %v", c.doc, c.piece, got)
		}
	}
}

func FuzzMentions(f *testing.F) {
	f.Add("Checkout is down", "out")
	f.Fuzz(func(t *testing.T, doc, piece string) {
		for _, s := range []string{doc, piece} {
			if strings.IndexFunc(s, func(r rune) bool { return r >= 128 }) >= 0 {
				return
			}
		}
		if got, want := mentions(doc, piece), strings.Contains(strings.ToLower(doc), strings.ToLower(piece)); got != want {
			t.Errorf("%q mentions %q: %v", doc, piece, got)
		}
	})
}
