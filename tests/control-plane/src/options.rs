//! How a control plane is set up.

/// How a control plane is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// The port of kube-apiserver; 0 takes a free one.
    pub port: u16,
    /// Which controllers run, as kube-controller-manager's `--controllers` has them. None: no kube-controller-manager.
    ///
    /// Without `serviceaccount-controller` namespaces get no ServiceAccount `default`, and then the admission of
    /// ServiceAccounts would refuse all pods: it is off where that controller does not run.
    pub controllers: Vec<String>,
    /// Whether requests are recorded; see [`ControlPlane::audit`](crate::ControlPlane::audit).
    pub audit: bool,
    /// Further arguments of kube-apiserver.
    pub api_arguments: Vec<String>,
    /// Further arguments of kube-controller-manager.
    pub manager_arguments: Vec<String>,
}

impl Default for Options {
    /// What a cluster has: all controllers.
    fn default() -> Self {
        Self {
            port: 0,
            controllers: vec!["*".into()],
            audit: false,
            api_arguments: Vec::new(),
            manager_arguments: Vec::new(),
        }
    }
}

impl Options {
    /// An API without any controller: nothing writes but who is asked to.
    #[must_use]
    pub fn without_controllers() -> Self {
        Self { controllers: Vec::new(), ..Self::default() }
    }

    /// The same with a record of all requests.
    #[must_use]
    pub fn audited(self) -> Self {
        Self { audit: true, ..self }
    }

    /// The same with an admission that some distributions switch on: who makes an object whose owner's deletion waits for it
    /// needs the right to update that owner's finalizers, and who changes owners the right to delete what they own.
    #[must_use]
    pub fn with_strict_owners(mut self) -> Self {
        self.api_arguments.push("--enable-admission-plugins=OwnerReferencesPermissionEnforcement".to_owned());
        self
    }

    /// Whether namespaces get a ServiceAccount.
    pub(crate) fn makes_service_accounts(&self) -> bool {
        let wanted = ["*", "serviceaccount-controller", "serviceaccount"];
        self.controllers.iter().any(|name| wanted.contains(&name.as_str()))
            && !self.controllers.iter().any(|name| name == "-serviceaccount-controller")
    }
}
