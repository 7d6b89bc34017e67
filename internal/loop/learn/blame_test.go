package learn

import "testing"

func TestBlame(t *testing.T) {
	people := []string{"mira", "Mira Holm", "jon (ops)"}
	for text, want := range map[string]string{
		"Mira should have checked the dashboard.":                 "should have",
		"mira failed to notice the alert":                         "mira failed to",
		"Mira Holm had failed to roll back":                       "Mira Holm had failed to",
		"The on-call engineer failed to acknowledge.":             "The on-call engineer failed to",
		"This was the fault of the new deploy tool.":              "was the fault",
		"a careless change":                                       "careless",
		"Root cause: human error.":                                "human error",
		"He forgot to run the migration":                          "forgot to",
		"she caused the outage":                                   "she caused",
		"We could have seen it sooner":                            "could have",
		"the team was to blame":                                   "to blame",
		"jon (ops) broke the build":                               "jon (ops) broke",
		"":                                                        "",
		"The service failed to answer 30 % of calls.":             "",
		"payment failed to connect; retries caused more load":     "",
		"Callers repeated failed calls.":                          "",
		"The alert fired 4 s after onset; fault injection helped": "",
		"The default timeout (1 s) should be lower":               "",
	} {
		got := Blame(text, people...)
		switch {
		case want == "" && len(got) > 0:
			t.Errorf("%q was flagged: %+v", text, got)
		case want != "" && (len(got) == 0 || got[0].Phrase != want):
			t.Errorf("%q: got %+v, want %q", text, got, want)
		}
	}
}

func TestBlameSaysWhere(t *testing.T) {
	got := Blame("fine\n\nmira should have, and was careless\n", "mira")
	if len(got) != 2 || got[0].Line != 3 || got[1].Line != 3 || got[0].Why == "" {
		t.Errorf("got %+v, want two findings on line 3 with a reason", got)
	}
}

func FuzzBlame(f *testing.F) {
	f.Add("she should have", "mira")
	f.Add("(((", "a|b)(")
	f.Fuzz(func(t *testing.T, text, name string) { Blame(text, name) })
}
