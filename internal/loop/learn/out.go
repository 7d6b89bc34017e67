package learn

// Kinds of facts that learn emits.
const (
	KindDrafted   = "learn.drafted"
	KindAsked     = "learn.asked" // somebody asked for a postmortem that is not written by itself
	KindEdited    = "learn.edited"
	KindPublished = "learn.published"
	KindOutdated  = "learn.outdated" // the incident came back after its postmortem was published
	KindAdded     = "learn.added"    // an action item
	KindDone      = "learn.done"     // an action item
	KindDropped   = "learn.dropped"  // an action item
	KindOverdue   = "learn.overdue"  // an action item, or a required postmortem, is late
	KindProven    = "learn.proven"   // an experiment passed that action items wait for
	KindRepeated  = "learn.repeated" // the same cause for the third time within a week
)

// Changed is the payload of facts about a postmortem. Its text is left out.
type Changed struct {
	Postmortem Postmortem `json:"postmortem"`
}

// ItemChanged is the payload of facts about an action item.
type ItemChanged struct {
	Item ActionItem `json:"item"`
}

// Repeated is the payload of KindRepeated.
type Repeated struct {
	Service   string   `json:"service"`
	Cause     string   `json:"cause"`
	Incidents []string `json:"incidents"`
}
