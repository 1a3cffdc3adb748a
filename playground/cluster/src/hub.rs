//! What all controllers share: the client, the time, one cache per kind, and the tasks that keep them going.

use std::{
    future::Future,
    sync::{Arc, Mutex, OnceLock},
};

use k8s_openapi::{
    api::{
        core::v1::{
            ConfigMap, Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod, Secret, Service,
            ServiceAccount,
        },
        discovery::v1::EndpointSlice,
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::Client;
use tokio::task::{AbortHandle, JoinSet};

use crate::{
    cache::{Cache, Kind},
    events::Events,
    sync::{Clock, Dice, lock},
    workload::{Deployment, ReplicaSet},
};

/// Shared by all controllers of one process. A kind's watch starts when somebody first asks for its cache.
///
/// ```text
/// API --watch--> Cache --change--> queue --key--> pass --write--> API
///                  ^---------------the answer-------'
/// ```
pub struct Hub {
    client: Client,
    clock: Clock,
    seed: u64,
    events: Events,
    tasks: Arc<Tasks>,
    pods: OnceLock<Cache<Pod>>,
    replica_sets: OnceLock<Cache<ReplicaSet>>,
    deployments: OnceLock<Cache<Deployment>>,
    services: OnceLock<Cache<Service>>,
    endpoint_slices: OnceLock<Cache<EndpointSlice>>,
    config_maps: OnceLock<Cache<ConfigMap>>,
    secrets: OnceLock<Cache<Secret>>,
    nodes: OnceLock<Cache<Node>>,
    namespaces: OnceLock<Cache<Namespace>>,
    service_accounts: OnceLock<Cache<ServiceAccount>>,
    persistent_volumes: OnceLock<Cache<PersistentVolume>>,
    persistent_volume_claims: OnceLock<Cache<PersistentVolumeClaim>>,
    definitions: OnceLock<Cache<CustomResourceDefinition>>,
}

/// Tasks that end together.
#[derive(Debug, Default)]
pub(crate) struct Tasks(Mutex<JoinSet<()>>);

impl Tasks {
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let mut tasks = lock(&self.0);
        // What has ended is let go of, so that the set does not grow.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task)
    }

    pub(crate) fn end(&self) {
        lock(&self.0).abort_all();
    }
}

impl Hub {
    /// A hub that talks through `client`, tells the time by `clock`, and takes its chances from `seed`.
    #[must_use]
    pub fn new(client: Client, clock: Clock, seed: u64) -> Arc<Self> {
        let tasks = Arc::new(Tasks::default());
        let (events, writing) = Events::start(client.clone(), clock.clone());
        tasks.spawn(writing);
        Arc::new(Self {
            client,
            clock,
            seed,
            events,
            tasks,
            pods: OnceLock::new(),
            replica_sets: OnceLock::new(),
            deployments: OnceLock::new(),
            services: OnceLock::new(),
            endpoint_slices: OnceLock::new(),
            config_maps: OnceLock::new(),
            secrets: OnceLock::new(),
            nodes: OnceLock::new(),
            namespaces: OnceLock::new(),
            service_accounts: OnceLock::new(),
            persistent_volumes: OnceLock::new(),
            persistent_volume_claims: OnceLock::new(),
            definitions: OnceLock::new(),
        })
    }

    /// The API client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The wall time.
    #[must_use]
    pub fn now(&self) -> jiff::Timestamp {
        (self.clock)()
    }

    /// What tells the wall time.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// Dice of their own for one purpose.
    #[must_use]
    pub fn dice(&self, purpose: &str) -> Dice {
        Dice::seeded(self.seed, purpose)
    }

    /// Where events go.
    #[must_use]
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// Runs `task` until the hub is shut down, or the handle ends it before.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        self.tasks.spawn(task)
    }

    /// Ends all tasks: watches, controllers, event writing.
    pub fn shut_down(&self) {
        self.tasks.end();
    }

    /// All pods.
    pub fn pods(&self) -> &Cache<Pod> {
        self.started(&self.pods)
    }

    /// All ReplicaSets.
    pub fn replica_sets(&self) -> &Cache<ReplicaSet> {
        self.started(&self.replica_sets)
    }

    /// All Deployments.
    pub fn deployments(&self) -> &Cache<Deployment> {
        self.started(&self.deployments)
    }

    /// All Services.
    pub fn services(&self) -> &Cache<Service> {
        self.started(&self.services)
    }

    /// All EndpointSlices.
    pub fn endpoint_slices(&self) -> &Cache<EndpointSlice> {
        self.started(&self.endpoint_slices)
    }

    /// All ConfigMaps.
    pub fn config_maps(&self) -> &Cache<ConfigMap> {
        self.started(&self.config_maps)
    }

    /// All Secrets.
    pub fn secrets(&self) -> &Cache<Secret> {
        self.started(&self.secrets)
    }

    /// All nodes.
    pub fn nodes(&self) -> &Cache<Node> {
        self.started(&self.nodes)
    }

    /// All namespaces.
    pub fn namespaces(&self) -> &Cache<Namespace> {
        self.started(&self.namespaces)
    }

    /// All service accounts.
    pub fn service_accounts(&self) -> &Cache<ServiceAccount> {
        self.started(&self.service_accounts)
    }

    /// All volumes.
    pub fn persistent_volumes(&self) -> &Cache<PersistentVolume> {
        self.started(&self.persistent_volumes)
    }

    /// All claims of volumes.
    pub fn persistent_volume_claims(&self) -> &Cache<PersistentVolumeClaim> {
        self.started(&self.persistent_volume_claims)
    }

    /// All custom resource definitions.
    pub fn definitions(&self) -> &Cache<CustomResourceDefinition> {
        self.started(&self.definitions)
    }

    fn started<'a, K: Kind<DynamicType = ()>>(&self, slot: &'a OnceLock<Cache<K>>) -> &'a Cache<K> {
        slot.get_or_init(|| {
            let cache = Cache::new(self.client.clone(), ());
            self.spawn(cache.clone().follow());
            cache
        })
    }
}
