//! `set image NAME CONTAINER=IMAGE`

use serde_json::Value;
use verdigris_core::action::set_image;

use crate::{
    cluster::{deployments, rollouts},
    error::Error,
    screen,
    session::Session,
};

/// What can be set.
#[derive(clap::Subcommand, Debug)]
pub enum What {
    /// Give a container another image
    Image(Args),
}

/// `set image NAME CONTAINER=IMAGE`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  # Start an update to another image
  kubectl rollouts set image shop web=example/shop:1.5
  # In all containers
  kubectl rollouts set image shop '*=example/shop:1.5'")]
pub struct Args {
    /// Rollout to change
    #[arg(value_name = "NAME")]
    name: String,
    /// Container (`*` for all) and its image
    #[arg(value_name = "CONTAINER=IMAGE", value_parser = container_and_image)]
    image: (String, String),
}

fn container_and_image(text: &str) -> Result<(String, String), String> {
    match text.split('=').collect::<Vec<_>>()[..] {
        [container, image] if !container.is_empty() && !image.is_empty() => {
            Ok((container.into(), image.into()))
        }
        _ => Err("write CONTAINER=IMAGE, for example web=example/shop:1.5".into()),
    }
}

pub async fn run(args: Args, session: &Session) -> Result<(), Error> {
    let cluster = session.cluster().await?;
    let (container, image) = &args.image;
    let change = |object: &mut Value| Ok(set_image(object, container, image)?);
    let rollout = cluster.rollout(&args.name).await?;
    let workload = rollout.spec.workload_ref.as_ref().and_then(|workload| workload.get("name")?.as_str());
    if let Some(deployment) = workload {
        cluster.edit(deployment, &deployments(), change).await?;
        return screen::line(&format!("deployment \"{deployment}\" image updated"));
    }
    cluster.edit(&args.name, &rollouts(), change).await?;
    screen::line(&format!("rollout \"{}\" image updated", args.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_and_an_image_are_needed() {
        assert_eq!(container_and_image("web=shop:2"), Ok(("web".into(), "shop:2".into())));
        for text in ["web", "web=", "=shop:2", "web=a=b", ""] {
            assert!(container_and_image(text).is_err(), "{text}");
        }
    }
}
