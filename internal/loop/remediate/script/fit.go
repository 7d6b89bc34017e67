package script

import (
	"fmt"
	"math/big"
	"unicode/utf8"
)

// MaxResult bounds the answer to one call, in bytes of its encoding, roughly.
const MaxResult = 1 << 20

// MaxArgs bounds the arguments of one call in the same way.
const MaxArgs = 1 << 20

// Fit returns the result in canonical form and no larger than max: what does not fit is left out from the end, and Cut
// says so. A result that cannot be made canonical is not OK.
func Fit(r Result, max int) Result {
	v, err := Canonical(r.Value)
	if err != nil {
		return Result{Error: fmt.Sprintf("the answer cannot be given to a script: %v", err)}
	}
	f := fitter{left: max}
	r.Error = f.text(r.Error)
	r.Value = f.value(v)
	r.Cut = r.Cut || f.cut
	return r
}

type fitter struct {
	left int
	cut  bool
}

func (f *fitter) value(v any) any {
	switch v := v.(type) {
	case string:
		return f.text(v)
	case []byte:
		n := min(len(v), max(f.left, 0)*3/4)
		f.cut = f.cut || n < len(v)
		f.left -= n*4/3 + 8
		return v[:n]
	case []any:
		for i := range v {
			if f.left <= 0 {
				f.cut = true
				return v[:i]
			}
			f.left--
			v[i] = f.value(v[i])
		}
		return v
	case map[string]any:
		for _, k := range sortedKeys(v) {
			if f.left <= len(k) {
				f.cut = true
				delete(v, k)
				continue
			}
			f.left -= len(k) + 4
			v[k] = f.value(v[k])
		}
		return v
	case *big.Int:
		f.left -= v.BitLen() / 3
	default:
		f.left -= 8
	}
	return v
}

func (f *fitter) text(s string) string {
	if n := max(f.left, 0); len(s) > n {
		f.cut = true
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	f.left -= len(s) + 2
	return s
}
