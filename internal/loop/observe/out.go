package observe

// KindDeployed is the kind of the fact that a release was reported.
const KindDeployed = "observe.deployed"
