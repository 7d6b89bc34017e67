package otlp

import (
	"bytes"
	"encoding/binary"
)

// A small body can decode to something very large: a span without fields is two bytes on the wire and hundreds in
// memory, and values nested in values cost stack, which Go ends the program for. So a body is measured before it is
// decoded. The limits are several times what a full body of real telemetry has.
const (
	maxDepth    = 64
	maxRecords  = 250_000   // spans, events, links, log records, metrics, points
	maxMessages = 2_000_000 // those, attributes and values
	maxObjects  = 1_000_000 // objects of a body in JSON
)

// checkShape refuses a body that is nested too deeply or has too many parts. What is malformed is left to the decoder.
func checkShape(sig signal, enc encoding, body []byte) error {
	if enc == jsonText {
		return checkJSON(body)
	}
	m := measure{}
	m.walk(sig.shape, body, 0)
	switch {
	case m.deep:
		return invalid("values are nested more than %d levels deep", maxDepth)
	case m.records > maxRecords:
		return tooMany("records", maxRecords)
	case m.messages > maxMessages:
		return tooMany("attributes", maxMessages)
	}
	return nil
}

func checkJSON(body []byte) error {
	depth, objects := 0, 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '"':
			i = endOfString(body, i)
		case '{', '[':
			if depth++; depth > maxDepth {
				return invalid("values are nested more than %d levels deep", maxDepth)
			}
			if objects++; objects > maxObjects {
				return tooMany("objects", maxObjects)
			}
		case '}', ']':
			depth--
		}
	}
	return nil
}

// endOfString returns the index of the quote that ends the string starting at i.
func endOfString(body []byte, i int) int {
	for i++; i < len(body); i++ {
		n := bytes.IndexByte(body[i:], '"')
		if n < 0 {
			return len(body)
		}
		i += n
		back := 0
		for body[i-1-back] == '\\' {
			back++
		}
		if back%2 == 0 {
			return i
		}
	}
	return i
}

// shape says which fields of a protobuf message are messages that we descend into.
type shape struct {
	record bool
	fields [16]*shape
}

func message(record bool, fields map[int]*shape) *shape {
	s := &shape{record: record}
	for n, f := range fields {
		s.fields[n] = f
	}
	return s
}

var (
	anyValue, keyValue = valueShapes()

	resourceShape = message(true, map[int]*shape{1: keyValue})
	scopeShape    = message(true, map[int]*shape{3: keyValue})

	traceShape = request3(message(true, map[int]*shape{ // Span
		9:  keyValue,
		11: message(true, map[int]*shape{3: keyValue}), // Event
		13: message(true, map[int]*shape{4: keyValue}), // Link
	}))
	logShape    = request3(message(true, map[int]*shape{5: anyValue, 6: keyValue}))
	metricShape = request3(metricMessage())
)

// valueShapes is the one cycle: values hold lists and maps of values.
func valueShapes() (value, pair *shape) {
	value = new(shape)
	pair = message(false, map[int]*shape{2: value})
	value.fields[5] = message(false, map[int]*shape{1: value})
	value.fields[6] = message(false, map[int]*shape{1: pair})
	return value, pair
}

// request3 is the common outside of the three requests: resources, scopes, records.
func request3(record *shape) *shape {
	scoped := message(true, map[int]*shape{1: scopeShape, 2: record})
	return message(false, map[int]*shape{1: message(true, map[int]*shape{1: resourceShape, 2: scoped})})
}

func metricMessage() *shape {
	exemplar := message(true, map[int]*shape{7: keyValue})
	number := message(true, map[int]*shape{7: keyValue, 5: exemplar})
	histogram := message(true, map[int]*shape{9: keyValue, 8: exemplar})
	exponential := message(true, map[int]*shape{1: keyValue, 11: exemplar})
	summary := message(true, map[int]*shape{7: keyValue, 6: message(true, nil)})
	data := func(point *shape) *shape { return message(false, map[int]*shape{1: point}) }
	return message(true, map[int]*shape{
		5: data(number), 7: data(number), 9: data(histogram), 10: data(exponential), 11: data(summary), 12: keyValue,
	})
}

type measure struct {
	records, messages int
	deep              bool
}

// walk counts the messages in b, which has shape s.
func (m *measure) walk(s *shape, b []byte, depth int) {
	if depth > maxDepth {
		m.deep = true
	}
	for len(b) > 0 && !m.deep && m.messages <= maxMessages {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return
		}
		b = b[n:]
		var size uint64
		switch tag & 7 {
		case 0: // varint
			_, n := binary.Uvarint(b)
			if n <= 0 {
				return
			}
			size = uint64(n)
		case 1:
			size = 8
		case 2:
			size, n = binary.Uvarint(b)
			if n <= 0 {
				return
			}
			b = b[n:]
		case 5:
			size = 4
		}
		if size > uint64(len(b)) {
			return
		}
		if field := tag >> 3; tag&7 == 2 && field < 16 && s.fields[field] != nil {
			sub := s.fields[field]
			m.messages++
			if sub.record {
				m.records++
			}
			m.walk(sub, b[:size], depth+1)
		}
		b = b[size:]
	}
}

// isEmpty reports whether a body says nothing, which is a valid request.
func isEmpty(sig signal, enc encoding, body []byte) bool {
	if enc == protobuf {
		return len(body) == 0
	}
	body = bytes.TrimSpace(body)
	if len(body) < 2 || body[0] != '{' || body[len(body)-1] != '}' {
		return false
	}
	inside := bytes.TrimSpace(body[1 : len(body)-1])
	return len(inside) == 0 || bytes.HasPrefix(inside, []byte(`"`+sig.field+`"`))
}
