package respond

import "testing"

func TestTollNamesMoneyOnlyWhereThereIsAPrice(t *testing.T) {
	for want, i := range map[string]Incident{
		"0 services affected, 0 customer requests lost":              {},
		"1 service affected, 3 customer requests lost":               {Affected: []string{"a"}, Impact: Impact{LostRequests: 3, Revenue: 4}},
		"1 service affected, 0 customer requests lost":               {Affected: []string{"a"}, Impact: Impact{Currency: "EUR"}},
		"2 services affected, 3 customer requests lost, about 4 EUR": {Affected: []string{"a", "b"}, Impact: Impact{LostRequests: 3, Revenue: 4.2, Currency: "EUR"}},
	} {
		if got := i.toll(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
