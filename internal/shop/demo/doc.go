// Package demo plays stories on the shop with a real Nightkeeper watching it: it starts both as processes, injects a real
// fault through the shop's admin API, follows what happens through Nightkeeper's API, answers approvals when it is told
// to, and reports the result. It knows both only by their public interfaces, and starts them again when they die.
package demo
