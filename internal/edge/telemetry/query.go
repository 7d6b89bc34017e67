package telemetry

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"nightkeeper/internal/loop/observe"
)

// spanQuery compiles a filter to LogsQL over span rows.
func spanQuery(f observe.Filter) string {
	var q terms
	if f.Service != "" {
		q.add(streamIs(fieldService, f.Service))
	}
	if f.TraceID != "" {
		q.add(fieldIs(fieldTrace, strings.ToLower(f.TraceID)))
	}
	if f.ErrorsOnly {
		q.add(fieldIs(fieldStatus, statusError))
	}
	if f.Kind != "" {
		q.add(fieldIs(fieldKind, cmp.Or(kindNumbers[f.Kind], string(f.Kind))))
	}
	if f.MinDuration > 0 {
		q.add(fieldDuration + ":>=" + strconv.FormatInt(int64(f.MinDuration), 10))
	}
	if f.Text != "" {
		q.add("(" + fieldHas(fieldName, f.Text) + " or " + fieldHas(fieldMessage, f.Text) + ")")
	}
	for _, k := range sortedKeys(f.Attrs) {
		q.add(fieldIs(spanAttr+k, f.Attrs[k]))
	}
	return q.String()
}

// logQuery compiles a filter to LogsQL over log rows.
func logQuery(f observe.Filter) string {
	var q terms
	if f.Service != "" {
		q.add(streamIs(logService, f.Service))
	}
	if f.Level != "" {
		q.add(levelIs(f.Level))
	}
	if f.TraceID != "" {
		q.add(fieldIs(fieldTrace, strings.ToLower(f.TraceID)))
	}
	if f.Text != "" {
		q.add(fieldHas(logText, f.Text))
	}
	for _, k := range sortedKeys(f.Attrs) {
		q.add(fieldIs(logAttrField(k), f.Attrs[k]))
	}
	return q.String()
}

// levelIs matches a level or a worse one; a level that is not one of ours matches itself.
func levelIs(level string) string {
	level = strings.ToUpper(level)
	i := slices.Index(levels, level)
	if i < 0 {
		return fieldIs(logLevel, level)
	}
	var quoted []string
	for _, l := range levels[i:] {
		quoted = append(quoted, strconv.Quote(l))
	}
	return logLevel + ":in(" + strings.Join(quoted, ",") + ")"
}

// streamIs matches rows of one stream, which the engine finds by an index.
func streamIs(field, value string) string {
	return "{" + strconv.Quote(field) + "=" + strconv.Quote(value) + "}"
}

func fieldIs(field, value string) string {
	return strconv.Quote(field) + ":=" + strconv.Quote(value)
}

// fieldHas matches a phrase without regard to case where it starts at the start of a word. Words, not substrings:
// matching in the middle of words needs a regular expression over every row, which is tens of times slower.
func fieldHas(field, phrase string) string {
	return strconv.Quote(field) + ":i(" + strconv.Quote(phrase) + "*)"
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// terms is a conjunction.
type terms []string

func (t *terms) add(s string) { *t = append(*t, s) }

// String returns the conjunction, or what matches every row when it is empty.
func (t *terms) String() string {
	if len(*t) == 0 {
		return "*"
	}
	return strings.Join(*t, " ")
}
