package demo

import "time"

// story is one scripted scenario: a real fault, and what the people in it do.
type story struct {
	fault   map[string]any // body for the shop's fault API
	deploy  map[string]any // reported to Nightkeeper right before the fault, as a pipeline would
	repair  bool           // a person who was paged acknowledges and repairs what automation must not touch
	limit   time.Duration  // when the story is given up
	opening string
}

// stories by name.
var stories = map[string]story{
	"black-friday": {
		fault:   map[string]any{"service": "user-preferences-api", "kind": "slow", "latency": "500ms"},
		limit:   7 * time.Minute,
		opening: "user-preferences-api slows from 50 ms to 500 ms",
	},
	"bad-deploy": {
		fault: map[string]any{"service": "inventory-api", "kind": "bad_version", "version": "5.4.0", "share": 0.6},
		deploy: map[string]any{"service": "inventory-api", "version": "5.4.0", "previous_version": "5.3.3", "commit": "9f2c1ab",
			"author": "inventory pipeline", "message": "Read stock levels from the new table"},
		limit:   8 * time.Minute,
		opening: "inventory-api 5.4.0 goes out and fails 60 % of its requests",
	},
	"data-corruption": {
		fault:   map[string]any{"service": "ledger-api", "kind": "corrupt_data", "share": 0.4},
		repair:  true,
		limit:   8 * time.Minute,
		opening: "rows of ledger-api no longer match their checksums",
	},
	"none": {},
}
