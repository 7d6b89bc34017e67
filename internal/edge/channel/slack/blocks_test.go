package slack

import (
	"strings"
	"testing"

	"nightkeeper/internal/edge/channel/channeltest"
)

// Slack answers invalid_blocks to all of a message for one text that is empty or too long, or one address that is none.
func TestBlocksAreWhatSlackTakes(t *testing.T) {
	m := channeltest.Night("U0MIRA")
	for _, text := range []string{"", " \n", "x", strings.Repeat("<&>", 3000)} {
		m.Text = text
		m.Links.Runbook, m.Links.Traces = "https://wiki.example.org/"+strings.Repeat("r", 3000), "wiki/page"
		for _, b := range blocks(m, false) {
			switch b := b.(dict); b["type"] {
			case "section":
				if s := b["text"].(dict)["text"].(string); strings.TrimSpace(s) == "" || len([]rune(s)) > 3000 {
					t.Errorf("a section of %d characters", len([]rune(s)))
				}
			case "actions":
				for _, e := range b["elements"].([]any) {
					if u := e.(dict)["url"].(string); len(u) > 3000 || !strings.HasPrefix(u, "https://") {
						t.Errorf("a button to %.60s", u)
					}
				}
			}
		}
	}
}
