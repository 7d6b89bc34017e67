package opsgenie

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/detect"
)

// test reports whether an alert is one that a query asks for.
type test func(listed) bool

// query is what a client asks for. State is set when the alerts must have it, so that the store finds fewer.
type query struct {
	state detect.State
	is    test
}

// Bounds of a query, and how deep its brackets may be.
const (
	longestQuery = 1000
	deepestQuery = 20
)

// fields of a query and what an alert has there. A field may have several values.
var fields = map[string]func(listed) []string{
	"status": func(l listed) []string {
		if l.Status == "open" && l.Acknowledged {
			return []string{"open", "acked"}
		}
		return []string{l.Status}
	},
	"id":             func(l listed) []string { return []string{l.ID} },
	"alertid":        func(l listed) []string { return []string{l.ID} },
	"tinyid":         func(l listed) []string { return []string{l.TinyID} },
	"alias":          func(l listed) []string { return []string{l.Alias} },
	"message":        func(l listed) []string { return []string{l.Message} },
	"description":    func(l listed) []string { return []string{l.Description} },
	"entity":         func(l listed) []string { return []string{l.Entity} },
	"source":         func(l listed) []string { return []string{l.Source} },
	"owner":          func(l listed) []string { return []string{l.Owner} },
	"priority":       func(l listed) []string { return []string{l.Priority} },
	"tag":            func(l listed) []string { return l.Tags },
	"tags":           func(l listed) []string { return l.Tags },
	"acknowledged":   func(l listed) []string { return []string{strconv.FormatBool(l.Acknowledged)} },
	"isseen":         func(l listed) []string { return []string{strconv.FormatBool(l.IsSeen)} },
	"snoozed":        func(l listed) []string { return []string{strconv.FormatBool(l.Snoozed)} },
	"count":          func(l listed) []string { return []string{strconv.Itoa(l.Count)} },
	"createdat":      func(l listed) []string { return []string{millis(l.CreatedAt)} },
	"updatedat":      func(l listed) []string { return []string{millis(l.UpdatedAt)} },
	"lastoccurredat": func(l listed) []string { return []string{millis(l.LastOccurredAt)} },
	"details.key": func(l listed) (out []string) {
		for name := range l.Details {
			out = append(out, name)
		}
		return out
	},
	"details.value": func(l listed) (out []string) {
		for _, value := range l.Details {
			out = append(out, value)
		}
		return out
	},
}

// within are the fields of which a query names a part, as a search for text does.
var within = []string{"message", "description", "entity", "source"}

// numbers are the fields that can be compared.
var numbers = []string{"count", "createdat", "updatedat", "lastoccurredat"}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

// tokens of a query: brackets, words in quotes, comparisons, and other words.
var tokens = regexp.MustCompile(`\s*(\(|\)|"[^"]*"|!=|<=|>=|[:=<>]|[^\s()":=<>!]+)`)

// reader reads a query from left to right.
type reader struct {
	left []string
	deep int
}

// queryOf reads a query: terms such as status:open, priority:(P1 OR P2), createdAt>1700000000000 or a word of the message,
// joined by AND, OR and NOT.
func queryOf(text string) (query, error) {
	if len(text) > longestQuery {
		return query{}, errs.New(errs.Invalid, "a query has at most %d characters", longestQuery)
	}
	r := reader{}
	rest := text
	for strings.TrimSpace(rest) != "" {
		at := tokens.FindStringSubmatchIndex(rest)
		if at == nil || at[0] != 0 {
			return query{}, notUnderstood(text)
		}
		r.left = append(r.left, rest[at[2]:at[3]])
		rest = rest[at[1]:]
	}
	if len(r.left) == 0 {
		return query{is: func(listed) bool { return true }}, nil
	}
	is, err := r.or("")
	if err == nil && len(r.left) > 0 {
		err = notUnderstood(text)
	}
	return query{stateOf(text), is}, err
}

func notUnderstood(text string) error {
	return errs.New(errs.Invalid, "the query %.100q is not understood; write terms such as status:open AND priority:(P1 OR P2)", text)
}

// onlyState is a query of which the first or only term says the state, and nothing else decides it.
var onlyState = regexp.MustCompile(`(?i)^\s*status\s*[:=]\s*"?(open|closed)"?\s*($|and\s)`)

// stateOf returns the state that all alerts of a query have; "" when it does not say so at its beginning.
func stateOf(text string) detect.State {
	m := onlyState.FindStringSubmatch(text)
	switch {
	case m == nil, slices.ContainsFunc(strings.Fields(text), func(w string) bool { return strings.EqualFold(w, "or") }):
		return ""
	case strings.EqualFold(m[1], "open"):
		return detect.Firing
	}
	return detect.Resolved
}

func (r *reader) next(word string) bool {
	if len(r.left) > 0 && strings.EqualFold(r.left[0], word) {
		r.left = r.left[1:]
		return true
	}
	return false
}

// or reads terms joined by OR; field is set within the brackets of one, where terms are its values.
func (r *reader) or(field string) (test, error) {
	is, err := r.and(field)
	for err == nil && r.next("or") {
		var other test
		if other, err = r.and(field); err == nil {
			is = either(is, other)
		}
	}
	return is, err
}

// and reads terms joined by AND, or by nothing.
func (r *reader) and(field string) (test, error) {
	is, err := r.not(field)
	for err == nil && len(r.left) > 0 && r.left[0] != ")" && !strings.EqualFold(r.left[0], "or") {
		r.next("and")
		var other test
		if other, err = r.not(field); err == nil {
			is = both(is, other)
		}
	}
	return is, err
}

func either(a, b test) test { return func(l listed) bool { return a(l) || b(l) } }
func both(a, b test) test   { return func(l listed) bool { return a(l) && b(l) } }
func inverse(a test) test   { return func(l listed) bool { return !a(l) } }

func (r *reader) not(field string) (test, error) {
	if r.deep++; r.deep > deepestQuery {
		return nil, errs.New(errs.Invalid, "a query may be at most %d deep", deepestQuery)
	}
	defer func() { r.deep-- }()
	if r.next("not") {
		is, err := r.not(field)
		if err != nil {
			return nil, err
		}
		return inverse(is), nil
	}
	if r.next("(") {
		is, err := r.or(field)
		if err == nil && !r.next(")") {
			err = errs.New(errs.Invalid, "a bracket of the query is not closed")
		}
		return is, err
	}
	return r.term(field)
}

// term reads one comparison, or a value alone.
func (r *reader) term(field string) (test, error) {
	if len(r.left) == 0 || slices.Contains([]string{")", ":", "=", "!=", "<", ">", "<=", ">="}, r.left[0]) {
		return nil, errs.New(errs.Invalid, "the query has nothing where a term should be; write terms such as status:open AND priority:P1")
	}
	word := r.left[0]
	r.left = r.left[1:]
	if field != "" {
		return compare(field, ":", unquoted(word))
	}
	if len(r.left) == 0 || !slices.Contains([]string{":", "=", "!=", "<", ">", "<=", ">="}, r.left[0]) {
		return compare("message", ":", unquoted(word))
	}
	op := r.left[0]
	r.left = r.left[1:]
	field = strings.ToLower(word)
	if (op == ":" || op == "=") && r.next("(") {
		is, err := r.or(field)
		if err == nil && !r.next(")") {
			err = errs.New(errs.Invalid, "a bracket of the query is not closed")
		}
		return is, err
	}
	if len(r.left) == 0 || r.left[0] == "(" || r.left[0] == ")" {
		return nil, errs.New(errs.Invalid, "the query has no value after %.40s", word)
	}
	value := unquoted(r.left[0])
	r.left = r.left[1:]
	return compare(field, op, value)
}

func unquoted(word string) string { return strings.Trim(word, `"`) }

// compare returns the test of one field. Text is compared without regard to case, and * stands for anything.
func compare(field, op, value string) (test, error) {
	get := fields[field]
	if name, ok := strings.CutPrefix(field, "details."); ok && get == nil && name != "" {
		get = func(l listed) (out []string) {
			for key, v := range l.Details {
				if strings.EqualFold(key, name) {
					out = append(out, v)
				}
			}
			return out
		}
	}
	if get == nil {
		return nil, errs.New(errs.Invalid, "a query cannot ask for %.40q here; it can for status, id, tinyId, alias, message, description, entity, source, owner, priority, tag, acknowledged, isSeen, snoozed, count, createdAt, updatedAt, lastOccurredAt and details.NAME", field)
	}
	if field == "status" && !slices.Contains([]string{"open", "acked", "closed"}, strings.ToLower(value)) {
		return nil, errs.New(errs.Invalid, "status %.40q is not known here; it is open, acked or closed", value)
	}
	if slices.Contains(numbers, field) {
		return compareNumber(field, op, value, get)
	}
	switch op {
	case "<", ">", "<=", ">=":
		return nil, errs.New(errs.Invalid, "%.40s cannot be compared with %s; createdAt, updatedAt, lastOccurredAt and count can", field, op)
	}
	pattern := "(?is)^" + strings.ReplaceAll(regexp.QuoteMeta(value), `\*`, ".*") + "$"
	if op == ":" && slices.Contains(within, field) {
		pattern = "(?is)" + strings.ReplaceAll(regexp.QuoteMeta(value), `\*`, ".*")
	}
	like, err := regexp.Compile(pattern)
	if err != nil {
		return nil, errs.New(errs.Invalid, "the value %.40q of %s is not understood", value, field)
	}
	is := func(l listed) bool { return slices.ContainsFunc(get(l), like.MatchString) }
	if op == "!=" {
		return inverse(is), nil
	}
	return is, nil
}

func compareNumber(field, op, value string, get func(listed) []string) (test, error) {
	want, err := strconv.ParseInt(value, 10, 64)
	if err != nil && field != "count" {
		for _, layout := range []string{"02-01-2006", time.RFC3339} {
			var day time.Time
			if day, err = time.Parse(layout, value); err == nil {
				want = day.UnixMilli()
				break
			}
		}
	}
	if err != nil {
		return nil, errs.New(errs.Invalid, "%s is %.40q in the query; a count is a number, and a time is milliseconds since 1970 or a day such as 31-12-2026", field, value)
	}
	return func(l listed) bool {
		got, _ := strconv.ParseInt(get(l)[0], 10, 64) // they are numbers
		switch c := cmp.Compare(got, want); op {
		case "<":
			return c < 0
		case ">":
			return c > 0
		case "<=":
			return c <= 0
		case ">=":
			return c >= 0
		case "!=":
			return c != 0
		default:
			return c == 0
		}
	}, nil
}

// orders are what a list may be sorted by.
var orders = map[string]func(a, b listed) int{
	"createdAt":      func(a, b listed) int { return a.CreatedAt.Compare(b.CreatedAt) },
	"updatedAt":      func(a, b listed) int { return a.UpdatedAt.Compare(b.UpdatedAt) },
	"lastOccurredAt": func(a, b listed) int { return a.LastOccurredAt.Compare(b.LastOccurredAt) },
	"lastOccuredAt":  func(a, b listed) int { return a.LastOccurredAt.Compare(b.LastOccurredAt) }, // as their client writes it
	"tinyId": func(a, b listed) int {
		return cmp.Or(cmp.Compare(len(a.TinyID), len(b.TinyID)), cmp.Compare(a.TinyID, b.TinyID))
	},
	"alias":        func(a, b listed) int { return cmp.Compare(a.Alias, b.Alias) },
	"message":      func(a, b listed) int { return cmp.Compare(a.Message, b.Message) },
	"status":       func(a, b listed) int { return cmp.Compare(a.Status, b.Status) },
	"priority":     func(a, b listed) int { return cmp.Compare(a.Priority, b.Priority) },
	"source":       func(a, b listed) int { return cmp.Compare(a.Source, b.Source) },
	"owner":        func(a, b listed) int { return cmp.Compare(a.Owner, b.Owner) },
	"count":        func(a, b listed) int { return cmp.Compare(a.Count, b.Count) },
	"acknowledged": func(a, b listed) int { return cmp.Compare(yes(a.Acknowledged), yes(b.Acknowledged)) },
	"isSeen":       func(a, b listed) int { return cmp.Compare(yes(a.IsSeen), yes(b.IsSeen)) },
	"snoozed":      func(a, b listed) int { return cmp.Compare(yes(a.Snoozed), yes(b.Snoozed)) },
}

func yes(b bool) int {
	if b {
		return 1
	}
	return 0
}
