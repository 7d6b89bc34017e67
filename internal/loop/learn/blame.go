package learn

import (
	"regexp"
	"strings"
)

// Finding is a phrase that blames a person, where it is, and what to write instead.
type Finding struct {
	Line   int    `json:"line"`
	Phrase string `json:"phrase"`
	Why    string `json:"why"`
}

// someone matches words for people; the names that a caller knows are added to it.
const someone = `he|she|they|we|you|i|who|somebody|someone|the (?:on-call|oncall|engineer|developer|operator|author|team|commander|person|admin|responder|reviewer)s?(?: engineer)?|(?:on-call|oncall|engineer|developer|operator)s?`

type phrase struct {
	re  *regexp.Regexp
	why string
}

// phrases that judge whoever they are about. The literature calls the first kind counterfactuals: they describe what did
// not happen and explain nothing that did.
var phrases = []phrase{
	{regexp.MustCompile(`(?i)\b(should(?:n't| not)? have|could have|ought to have)\b`), "tells what did not happen; say what people saw and what made their choice sensible at the time"},
	{regexp.MustCompile(`(?i)\b(?:(?:was|is|were) (?:the|his|her|their) fault|(?:fault|mistake) of|at fault|to blame|blame[sd]? (?:on|for)|guilty|culprit was)\b`), "names somebody as the cause; say which part of the system allowed it"},
	{regexp.MustCompile(`(?i)\b(careless(?:ly|ness)?|negligen(?:t|ce|tly)|incompeten(?:t|ce)|stupid(?:ly|ity)?|lazy|sloppy|reckless(?:ly)?|irresponsib(?:le|ly)|inattentive)\b`), "judges a person; describe the conditions instead"},
	{regexp.MustCompile(`(?i)\b(human error|operator error|user error|pilot error|finger trouble)\b`), "ends the search too early; ask what made the error easy to make and hard to notice"},
	{regexp.MustCompile(`(?i)\b(forgot to|didn't bother|did not bother|neglected to|ignored the (?:alert|page|warning)s?)\b`), "judges a person; say what reminded them, or did not"},
}

// Blame returns the phrases of a text that blame somebody, in order. people are names that may be blamed.
func Blame(text string, people ...string) []Finding {
	names := someone
	for _, p := range people {
		if p = strings.TrimSpace(p); p != "" {
			names += "|" + regexp.QuoteMeta(p)
		}
	}
	all := append([]phrase{{
		regexp.MustCompile(`(?i)\b(?:` + names + `) (?:had |has |have )?(?:failed to|caused|broke|messed up|screwed up|made a mistake)\b`),
		"makes a person the cause; say what the system let happen",
	}}, phrases...)
	var out []Finding
	for n, line := range strings.Split(text, "\n") {
		for _, p := range all {
			for _, m := range p.re.FindAllString(line, -1) {
				out = append(out, Finding{n + 1, m, p.why})
			}
		}
	}
	return out
}
