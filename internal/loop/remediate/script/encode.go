package script

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The encoding is JSON that people can read, in exactly one form for each value: keys are sorted, a number with a dot
// or an exponent is a float and any other is an int, and what JSON has no word for is an object with one of these keys.
const (
	tagFloat = "$float" // NaN, +Inf, -Inf
	tagBytes = "$bytes" // base64
	tagText  = "$text"  // base64 of a string that is not UTF-8
	tagMap   = "$map"   // a map that would look like one of these
	tagPairs = "$pairs" // a map with a key that is not UTF-8: [[key, value], ...]
)

// Encode returns the canonical encoding of v, which may be anything that Canonical accepts.
func Encode(v any) (json.RawMessage, error) {
	c, err := Canonical(v)
	if err != nil {
		return nil, err
	}
	return appendValue(nil, c), nil
}

// Decode reads what Encode wrote; Decode of Encode of a canonical value is that value.
func Decode(data []byte) (any, error) {
	raw, err := parseJSON(data)
	if err != nil {
		return nil, err
	}
	return fromJSON(raw, 0, true)
}

// appendValue appends a canonical value.
func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case *big.Int:
		return v.Append(b, 10)
	case float64:
		return appendFloat(b, v)
	case string:
		if !utf8.ValidString(v) {
			return appendTagged(b, tagText, base64.StdEncoding.EncodeToString([]byte(v)))
		}
		return appendString(b, v)
	case []byte:
		return appendTagged(b, tagBytes, base64.StdEncoding.EncodeToString(v))
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, e)
		}
		return append(b, ']')
	case map[string]any:
		return appendMap(b, v)
	}
	panic(fmt.Sprintf("script: encode a %T that is not canonical", v))
}

func appendFloat(b []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return appendTagged(b, tagFloat, "NaN")
	case math.IsInf(f, 1):
		return appendTagged(b, tagFloat, "+Inf")
	case math.IsInf(f, -1):
		return appendTagged(b, tagFloat, "-Inf")
	}
	start := len(b)
	b = strconv.AppendFloat(b, f, 'g', -1, 64)
	if !bytes.ContainsAny(b[start:], ".e") {
		b = append(b, ".0"...)
	}
	return b
}

func appendMap(b []byte, m map[string]any) []byte {
	keys := sortedKeys(m)
	for _, k := range keys {
		if !utf8.ValidString(k) {
			pairs := make([]any, len(keys))
			for i, k := range keys {
				pairs[i] = []any{k, m[k]}
			}
			return append(appendValue(append(b, `{"`+tagPairs+`":`...), pairs), '}')
		}
	}
	escaped := len(keys) == 1 && isTag(keys[0])
	if escaped {
		b = append(b, `{"`+tagMap+`":`...)
	}
	b = append(b, '{')
	for i, k := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, k), ':')
		b = appendValue(b, m[k])
	}
	b = append(b, '}')
	if escaped {
		b = append(b, '}')
	}
	return b
}

func appendTagged(b []byte, tag, text string) []byte {
	return append(appendString(append(b, `{"`+tag+`":`...), text), '}')
}

// appendString appends valid UTF-8 with as few escapes as JSON allows.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = fmt.Appendf(b, `\u%04x`, c)
		}
	}
	return append(append(b, s[from:]...), '"')
}

func isTag(key string) bool {
	switch key {
	case tagFloat, tagBytes, tagText, tagMap, tagPairs:
		return true
	}
	return false
}

func parseJSON(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var raw any
	if err := d.Decode(&raw); err != nil {
		return nil, fmt.Errorf("decode value: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("decode value: there is more after its end")
	}
	return raw, nil
}

// decodePlain reads JSON of somebody else, in which tags mean nothing.
func decodePlain(data []byte, depth int) (any, error) {
	raw, err := parseJSON(data)
	if err != nil {
		return nil, err
	}
	return fromJSON(raw, depth, false)
}

// fromJSON turns the decoder's values into canonical ones, in place.
func fromJSON(v any, depth int, tags bool) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	switch v := v.(type) {
	case json.Number:
		return decodeNumber(string(v))
	case []any:
		for i := range v {
			e, err := fromJSON(v[i], depth+1, tags)
			if err != nil {
				return nil, err
			}
			v[i] = e
		}
		return v, nil
	case map[string]any:
		if tags && len(v) == 1 {
			for k, inner := range v {
				if isTag(k) {
					return decodeTagged(k, inner, depth)
				}
			}
		}
		return fromFields(v, depth, tags)
	}
	return v, nil
}

func fromFields(m map[string]any, depth int, tags bool) (any, error) {
	for k, inner := range m {
		e, err := fromJSON(inner, depth+1, tags)
		if err != nil {
			return nil, err
		}
		m[k] = e
	}
	return m, nil
}

func decodeTagged(tag string, v any, depth int) (any, error) {
	switch inner := v.(type) {
	case string:
		if tag == tagFloat {
			switch inner {
			case "NaN":
				return math.NaN(), nil
			case "+Inf":
				return math.Inf(1), nil
			case "-Inf":
				return math.Inf(-1), nil
			}
		}
		if tag == tagBytes || tag == tagText {
			b, err := base64.StdEncoding.Strict().DecodeString(inner)
			if err != nil {
				return nil, fmt.Errorf("decode %s: %w", tag, err)
			}
			if tag == tagText {
				return string(b), nil
			}
			return b, nil
		}
	case map[string]any:
		if tag == tagMap {
			return fromFields(inner, depth, true)
		}
	case []any:
		if tag == tagPairs {
			return decodePairs(inner, depth)
		}
	}
	return nil, fmt.Errorf("decode %s: it cannot hold this", tag)
}

func decodePairs(pairs []any, depth int) (any, error) {
	m := make(map[string]any, len(pairs))
	for _, p := range pairs {
		pair, ok := p.([]any)
		if !ok || len(pair) != 2 {
			return nil, fmt.Errorf("decode %s: want pairs of key and value", tagPairs)
		}
		key, err := fromJSON(pair[0], depth+1, true)
		if err != nil {
			return nil, err
		}
		name, ok := key.(string)
		if !ok {
			return nil, fmt.Errorf("decode %s: want strings as keys", tagPairs)
		}
		if m[name], err = fromJSON(pair[1], depth+1, true); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func decodeNumber(text string) (any, error) {
	if strings.ContainsAny(text, ".eE") {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("decode float %.40s: out of range", text)
		}
		return f, nil
	}
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return i, nil
	}
	if len(text) > maxIntBits/3 {
		return nil, fmt.Errorf("an int of more than %d bits", maxIntBits)
	}
	i, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return nil, fmt.Errorf("decode int %.40s: not a number", text)
	}
	return canonicalInt(i)
}
