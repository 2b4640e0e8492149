"""AWS: the packages of the functions and the CloudFormation that `serverless.yml` includes."""
