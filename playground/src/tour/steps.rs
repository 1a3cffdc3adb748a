//! The steps, in order. Each does one thing as a user would, waits for what must follow, and looks at the rest.

use std::io::Write;

use anyhow::{Context as _, ensure};
use tokio::time::{Duration, Instant};

use super::{
    ACTIVE, NAMESPACE, PREVIEW, ROLLOUT, Tour, V1, V2, browser,
    look::{Scene, eventually},
};
use crate::load::{Load, LoadOptions};

/// `scaleDownDelaySeconds` is not set in the example: this is its default.
const SCALE_DOWN_DELAY: Duration = Duration::from_secs(30);
/// How much earlier than the delay the old version may be seen gone: the deadline is a whole second of the wall clock.
const SCALE_DOWN_TOLERANCE: Duration = Duration::from_secs(1);

impl<W: Write> Tour<'_, W> {
    pub(super) async fn steps(&mut self) -> anyhow::Result<()> {
        self.cluster().await?;
        self.deploy().await?;
        self.upgrade().await?;
        self.paused().await?;
        let switched = self.promote().await?;
        self.scale_down(switched).await?;
        self.roll_back().await?;
        self.promote_by_click().await?;
        self.undo_now().await
    }

    async fn cluster(&mut self) -> anyhow::Result<()> {
        self.narrator.step("A cluster");
        let said = self.kubectl(&["get", "nodes"]).await?;
        ensure!(said.stdout.contains(" Ready"), "no node is ready");
        Ok(())
    }

    async fn deploy(&mut self) -> anyhow::Result<()> {
        self.narrator.step("Deploy: a Rollout, two Services and a generated ConfigMap");
        self.apply().await?;
        let scene = self.until("two pods behind both Services", |seen| {
            seen.phase == "Healthy" && seen.up(&[1]) && seen.selects(1, 1)
        });
        let scene = scene.await?;
        self.kubectl(&["get", "rollouts", "-n", NAMESPACE]).await?;
        self.narrator.saw(&scene.to_string());
        self.answers(ACTIVE, V1).await?;
        self.previewed(V1).await?;
        let dashboard = self.stage.world.dashboard();
        let page = browser::read(dashboard.address, &dashboard.path).await?;
        ensure!(page.text.contains(ROLLOUT), "the dashboard does not show {ROLLOUT}");
        self.narrator.saw(&format!("the dashboard shows it: {}", dashboard.url()));
        let address = self.address(ACTIVE)?;
        let mut options = LoadOptions::new(address);
        options.patience *= self.stage.patience;
        self.load = Some(Load::start(&options));
        self.narrator.saw(&format!(
            "from here on, {} requests a second go to the active Service, http://{address}",
            options.requests_per_second
        ));
        Ok(())
    }

    async fn upgrade(&mut self) -> anyhow::Result<()> {
        self.narrator.step("Upgrade: another WELCOME makes another ConfigMap, and that another revision");
        self.stage.home.edit_welcome(V1, V2)?;
        self.apply().await?;
        let scene = self.until("four pods, and revision 2 in preview", |seen| {
            seen.phase == "Paused" && seen.up(&[1, 2]) && seen.selects(1, 2)
        });
        let scene = scene.await?;
        self.narrator.saw(&scene.to_string());
        self.previewed(V2).await?;
        self.answers(ACTIVE, V1).await
    }

    async fn paused(&mut self) -> anyhow::Result<()> {
        self.narrator.step("Paused: nothing happens until somebody says so");
        let said = self.kubectl(&["argo", "rollouts", "get", "rollout", ROLLOUT, "-n", NAMESPACE]).await?;
        for text in ["Paused", "BlueGreenPause", "revision:1", "revision:2", "preview", "stable", "active"] {
            ensure!(said.stdout.contains(text), "the tree does not say {text:?}");
        }
        Ok(())
    }

    async fn promote(&mut self) -> anyhow::Result<Instant> {
        self.narrator.step("Promote: the active Service is switched to revision 2");
        self.kubectl(&["rollouts", "promote", ROLLOUT, "-n", NAMESPACE]).await?;
        let switched = Instant::now();
        self.answered("promoted with the plugin", V2, switched).await?;
        let timeout = format!("{}s", self.soon().as_secs());
        self.kubectl(&["rollouts", "status", ROLLOUT, "-n", NAMESPACE, "--timeout", &timeout]).await?;
        let scene =
            self.until("revision 2 to be Healthy", |seen| seen.phase == "Healthy" && seen.selects(2, 2));
        let scene = scene.await?;
        self.narrator.saw(&scene.to_string());
        ensure!(scene.revision(1)?.ready == 2, "revision 1 must stay up for a while");
        Ok(switched)
    }

    async fn scale_down(&mut self, switched: Instant) -> anyhow::Result<()> {
        self.narrator.step("Revision 1 stays warm for 30 seconds, then goes");
        let within = SCALE_DOWN_DELAY + self.soon();
        let scene = self.look.until("revision 1 to be scaled to 0", within, |seen| seen.up(&[2])).await?;
        let after = switched.elapsed();
        self.narrator.saw(&scene.to_string());
        self.narrator.saw(&format!("it went {:.1} s after the switch", after.as_secs_f64()));
        ensure!(
            after + SCALE_DOWN_TOLERANCE >= SCALE_DOWN_DELAY,
            "revision 1 went {after:?} after the switch"
        );
        Ok(())
    }

    async fn roll_back(&mut self) -> anyhow::Result<()> {
        self.narrator.step("Roll back: the first version comes up as revision 3, in preview");
        self.kubectl(&["rollouts", "undo", ROLLOUT, "-n", NAMESPACE]).await?;
        let scene = self.until("revision 3 in preview, paused", |seen| {
            seen.phase == "Paused" && seen.up(&[2, 3]) && seen.selects(2, 3)
        });
        let scene = scene.await?;
        self.narrator.saw(&scene.to_string());
        self.previewed(V1).await?;
        self.answers(ACTIVE, V2).await
    }

    async fn promote_by_click(&mut self) -> anyhow::Result<()> {
        self.narrator.step("Promote it in the dashboard: Promote, then Sure?");
        let dashboard = self.stage.world.dashboard();
        let path = dashboard.rollout(NAMESPACE, ROLLOUT);
        // The page follows the cluster by a moment.
        let page = eventually(self.soon(), async || {
            let page = browser::read(dashboard.address, &path).await.ok()?;
            page.text.contains("/promote\"").then_some(page)
        });
        let page = page.await.context("the dashboard offers no Promote")?;
        browser::press(dashboard.address, &page, "promote").await?;
        let switched = Instant::now();
        self.answered("promoted with a click", V1, switched).await?;
        let scene =
            self.until("revision 3 to be Healthy", |seen| seen.phase == "Healthy" && seen.selects(3, 3));
        let scene = scene.await?;
        self.narrator.saw(&scene.to_string());
        Ok(())
    }

    async fn undo_now(&mut self) -> anyhow::Result<()> {
        self.narrator.step("One step back: revision 2 is still warm, so it takes the traffic at once");
        self.kubectl(&["rollouts", "undo", ROLLOUT, "-n", NAMESPACE, "--now"]).await?;
        let switched = Instant::now();
        self.answered("rolled back in one step", V2, switched).await?;
        let scene = self.until("the warm version to be Healthy as revision 4", |seen| {
            seen.phase == "Healthy" && seen.selects(4, 4)
        });
        let scene = scene.await?;
        self.narrator.saw(&scene.to_string());
        Ok(())
    }

    async fn apply(&mut self) -> anyhow::Result<()> {
        let folder = self.stage.home.superapi();
        self.kubectl(&["apply", "-k", &folder.to_string_lossy()]).await.map(|_| ())
    }

    fn until<'a>(
        &'a self,
        what: &'a str,
        as_described: impl Fn(&Scene) -> bool + 'a,
    ) -> impl Future<Output = anyhow::Result<Scene>> + 'a {
        self.look.until(what, self.soon(), as_described)
    }

    fn address(&self, service: &str) -> anyhow::Result<std::net::SocketAddr> {
        let address = self.stage.world.service(NAMESPACE, service);
        address.with_context(|| format!("the proxy has no address for the Service {service}"))
    }

    /// What a browser sees at a Service.
    async fn answers(&mut self, service: &str, wanted: &str) -> anyhow::Result<()> {
        let address = self.address(service)?;
        let seen = eventually(self.soon(), async || {
            let page = browser::read(address, "/").await.ok()?;
            page.text.starts_with(wanted).then_some(page.text)
        });
        let text = seen.await.with_context(|| format!("{service} does not answer {wanted:?}"))?;
        self.narrator.saw(&format!(
            "http://{address} ({service}) answers: {}",
            text.lines().collect::<Vec<_>>().join(" / ")
        ));
        Ok(())
    }

    /// What a browser sees at the preview Service, through a port that kubectl forwards.
    async fn previewed(&mut self, wanted: &str) -> anyhow::Result<()> {
        let service = format!("service/{PREVIEW}");
        let arguments = [&service, ":80", "-n", NAMESPACE];
        let (kubectl, soon) = (self.stage.kubectl, self.soon());
        let mut last = None;
        // A forwarded port stays with the pod that it was opened to, so each look opens another.
        let seen = eventually(soon, async || {
            let look = async {
                let forward = kubectl.forward(&arguments, soon).await?;
                let page = browser::read(forward.address(), "/").await?;
                ensure!(page.text.starts_with(wanted), "the answer was {:?}", page.text);
                Ok((forward.address(), page.text))
            };
            look.await.map_err(|error| last = Some(error)).ok()
        });
        let Some((address, text)) = seen.await else {
            let why = last.unwrap_or_else(|| anyhow::anyhow!("nothing was seen"));
            return Err(
                why.context(format!("{PREVIEW} does not answer {wanted:?} through kubectl port-forward"))
            );
        };
        self.narrator.saw(&format!("$ kubectl port-forward {} &", arguments.join(" ")));
        self.narrator.saw(&format!(
            "http://{address} (forwarded to {PREVIEW}) answers: {}",
            text.lines().collect::<Vec<_>>().join(" / ")
        ));
        Ok(())
    }

    /// Waits until the load meets this version, and notes how long after `moment` that was.
    async fn answered(&mut self, what: &'static str, version: &str, moment: Instant) -> anyhow::Result<()> {
        let load = self.load.as_ref().context("there is no load")?;
        let first = eventually(self.soon(), async || load.so_far().first_answer(version, moment));
        let took = first.await.with_context(|| format!("{version:?} never answered"))?;
        self.narrator.saw(&format!(
            "the active Service answers {version:?}, {:.0} ms later",
            took.as_secs_f64() * 1e3
        ));
        self.switches.push((what, took));
        Ok(())
    }
}
