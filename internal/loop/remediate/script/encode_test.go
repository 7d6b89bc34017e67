package script

import (
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

func TestEncodingOfEachType(t *testing.T) {
	huge, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	f := func(v any, want string) {
		t.Helper()
		got, err := Encode(v)
		if err != nil || string(got) != want {
			t.Errorf("Encode(%v) = %s, %v; want %s", v, got, err, want)
			return
		}
		back, err := Decode(got)
		c, _ := Canonical(v)
		if err != nil || !same(back, c) {
			t.Errorf("Decode(%s) = %#v, %v; want %#v", got, back, err, c)
		}
	}
	f(nil, `null`)
	f(1, `1`)
	f(1.0, `1.0`)
	f(1e21, `1e+21`)
	f(math.Copysign(0, -1), `-0.0`)
	f(math.NaN(), `{"$float":"NaN"}`)
	f(math.Inf(-1), `{"$float":"-Inf"}`)
	f(int64(math.MinInt64), `-9223372036854775808`)
	f(uint64(math.MaxUint64), `18446744073709551615`)
	f(big.NewInt(7), `7`)
	f(huge, `123456789012345678901234567890`)
	f("é<\"\\\n\x01", "\"é<\\\"\\\\\\n\\u0001\"")
	f("\xff", `{"$text":"/w=="}`)
	f([]byte{0, 255}, `{"$bytes":"AP8="}`)
	f([]any{}, `[]`)
	f([]string(nil), `null`)
	f(map[string]int{"b": 1, "a": 2}, `{"a":2,"b":1}`)
	f(map[string]any{"$float": "NaN"}, `{"$map":{"$float":"NaN"}}`)
	f(map[string]any{"$map": map[string]any{"$map": 1}}, `{"$map":{"$map":{"$map":{"$map":1}}}}`)
	f(map[string]any{"\xff": 1}, `{"$pairs":[[{"$text":"/w=="},1]]}`)
	f(time.Unix(0, 0), `"1970-01-01T00:00:00Z"`)
	f(90*time.Second, `"1m30s"`)
	f(struct {
		Name string  `json:"name"`
		Rate float64 `json:"rate"`
		Skip string  `json:"-"`
		None *int    `json:"none"`
		Left string  `json:"left,omitempty"`
	}{"a", 3, "x", nil, ""}, `{"name":"a","none":null,"rate":3.0}`)
}

func TestValuesThatCannotBeEncoded(t *testing.T) {
	cycle := []any{nil}
	cycle[0] = cycle
	for _, v := range []any{make(chan int), func() {}, cycle, map[int]int{1: 1}, new(big.Int).Lsh(big.NewInt(1), maxIntBits+1), 1i} {
		if got, err := Encode(v); err == nil {
			t.Errorf("got %.80s, want an error", got)
		}
	}
}

func TestDecodeOfEncodeIsTheSameValue(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		v := randomValue(r, 4)
		data, err := Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode(data)
		if err != nil || !same(v, back) {
			t.Fatalf("%#v became %#v by %s, %v", v, back, data, err)
		}
		if viaStarlark, err := fromStarlark(toStarlark(v)); err != nil || !same(v, viaStarlark) {
			t.Fatalf("%#v became %#v in a script, %v", v, viaStarlark, err)
		}
	}
}

// FuzzDecode holds that what can be decoded has one encoding, and that nothing breaks the decoder.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{`null`, `[1,1.0,"x"]`, `{"$float":"NaN"}`, `{"$pairs":[["a",1]]}`, `{"$map":{"$map":{}}}`, `1e400`, `-0`, `{"$text":"/w=="}`, `"\ud800"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := Decode(data)
		if err != nil {
			return
		}
		once, err := Encode(v)
		if err != nil {
			t.Fatalf("decoded %q but cannot encode %#v: %v", data, v, err)
		}
		back, err := Decode(once)
		if err != nil || !same(v, back) {
			t.Fatalf("%#v became %#v by %s: %v", v, back, once, err)
		}
		if twice, _ := Encode(back); string(twice) != string(once) {
			t.Fatalf("two encodings: %s and %s", once, twice)
		}
	})
}

func randomValue(r *rand.Rand, depth int) any {
	n := 10
	if depth == 0 {
		n = 8
	}
	switch r.IntN(n) {
	case 0:
		return nil
	case 1:
		return r.IntN(2) == 0
	case 2:
		return int64(r.Uint64()) >> r.IntN(64)
	case 3:
		i := new(big.Int).Lsh(big.NewInt(int64(r.Uint64()>>1)|1<<62), uint(2+r.IntN(200)))
		if r.IntN(2) == 0 {
			i.Neg(i)
		}
		return i
	case 4:
		return math.Float64frombits(r.Uint64())
	case 5:
		return float64(int64(r.Uint64()) >> r.IntN(64))
	case 6:
		return randomText(r)
	case 7:
		return []byte(randomText(r))
	case 8:
		list := make([]any, r.IntN(4))
		for i := range list {
			list[i] = randomValue(r, depth-1)
		}
		return list
	}
	m := map[string]any{}
	for range r.IntN(4) {
		m[randomText(r)] = randomValue(r, depth-1)
	}
	return m
}

func randomText(r *rand.Rand) string {
	if r.IntN(3) == 0 {
		return []string{tagFloat, tagBytes, tagText, tagMap, tagPairs, "", "\u2028"}[r.IntN(7)]
	}
	b := make([]byte, r.IntN(6))
	for i := range b {
		b[i] = byte(r.Uint32() >> r.IntN(3))
	}
	return string(b)
}

// same is deep equality in which NaN equals NaN and -0 is not 0.
func same(a, b any) bool {
	switch a := a.(type) {
	case float64:
		b, ok := b.(float64)
		return ok && (math.Float64bits(a) == math.Float64bits(b) || math.IsNaN(a) && math.IsNaN(b))
	case *big.Int:
		b, ok := b.(*big.Int)
		return ok && a.Cmp(b) == 0
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !same(a[i], b[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			if w, has := b[k]; !has || !same(v, w) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(a, b)
}
